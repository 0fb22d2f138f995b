import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("classifieds", "0020_scanning"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="waits_since",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
    ]
