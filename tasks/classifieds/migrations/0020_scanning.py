"""One scan at a time; how often a category has stopped scans, and whether it has had its deep first one."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("classifieds", "0010_rules")]

    operations: ClassVar = [
        migrations.AddField("category", "halts", models.PositiveSmallIntegerField(default=0, editable=False)),
        migrations.AddField("category", "is_explored", models.BooleanField(default=False, editable=False)),
        migrations.CreateModel(
            name="ScanClaim",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("owner", models.UUIDField()),
                ("run", models.CharField(blank=True, max_length=40)),
                ("began_at", models.DateTimeField()),
                ("until", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(("pk", 1)), name="classifieds_scan_once")],
            },
        ),
    ]
