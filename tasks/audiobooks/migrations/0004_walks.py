from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audiobooks", "0003_downloads"),
    ]

    operations = [
        migrations.AddField(
            model_name="walk",
            name="start",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="walk",
            name="has_turned",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="walk",
            name="left",
            field=models.JSONField(default=list),
        ),
    ]
