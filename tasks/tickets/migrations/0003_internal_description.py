"""Whether a ticket's description is an internal note."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0010_pipeline")]

    operations = [
        migrations.AddField("ticket", "description_is_internal", models.BooleanField(default=False)),
    ]
