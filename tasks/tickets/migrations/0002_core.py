"""What sync and analysis need beside the first layout: comments that are due, backfills, batches not confirmed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]

    operations = [
        migrations.AddField("stream", "backfill_begun_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "stream", "backfill_cursor", models.CharField(blank=True, max_length=500, default=""), False
        ),
        migrations.AddField("stream", "backfill_since", models.BigIntegerField(blank=True, null=True)),
        migrations.AddField("ticket", "comments_due", models.BooleanField(default=False)),
        migrations.AddField("ticket", "comments_hash", models.CharField(blank=True, max_length=64, default=""), False),
        migrations.AddField("batch", "key", models.CharField(max_length=32, unique=True, default=""), False),
        migrations.AddField("batch", "estimate", models.PositiveBigIntegerField(default=0)),
        migrations.AlterField(
            "batch", "batch_id", models.CharField(blank=True, max_length=100, null=True, unique=True)
        ),
        migrations.AddIndex("ticket", models.Index(fields=["comments_due", "ticket_id"], name="ticket_comments_due")),
    ]
