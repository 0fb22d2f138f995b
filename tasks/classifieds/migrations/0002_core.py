"""Where a scan goes on, and until when the site is left alone."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("classifieds", "0001_initial")]

    operations: ClassVar = [
        migrations.AddField("category", "scan_path", models.CharField(blank=True, editable=False, max_length=300)),
        migrations.AddField("category", "scan_pages", models.PositiveSmallIntegerField(default=0, editable=False)),
        migrations.AddField("category", "resume_until", models.DateTimeField(blank=True, editable=False, null=True)),
        migrations.AddField("category", "is_complete", models.BooleanField(default=False, editable=False)),
        migrations.CreateModel(
            name="Pause",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("until", models.DateTimeField()),
                ("why", models.CharField(max_length=300)),
                ("is_alarm", models.BooleanField(default=False)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(("pk", 1)), name="classifieds_pause_once")],
            },
        ),
    ]
