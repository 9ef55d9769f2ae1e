from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("enforcement", "0007_keep_when_a_grant_was_used"),
    ]

    operations = [
        migrations.AddField(
            model_name="enforcement",
            name="past",
            field=models.JSONField(default=list),
        ),
    ]
