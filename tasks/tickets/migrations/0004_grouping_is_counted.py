"""Whether the hours have been counted anew since the last full run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0003_internal_description")]

    operations = [
        migrations.AddField("grouping", "is_counted", models.BooleanField(default=False)),
    ]
