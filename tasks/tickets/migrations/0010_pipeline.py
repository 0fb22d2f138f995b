"""What clusters and trends need beside the first layout: the last full run."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_core")]

    operations = [
        migrations.CreateModel(
            name="Grouping",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("made_at", models.DateTimeField()),
                ("last_issue", models.BigIntegerField(default=0)),
                ("weights", models.JSONField(default=dict)),
                ("issues", models.PositiveIntegerField(default=0)),
                ("clusters", models.PositiveIntegerField(default=0)),
                ("alone", models.PositiveIntegerField(default=0)),
            ],
            options={"default_permissions": ()},
        ),
    ]
