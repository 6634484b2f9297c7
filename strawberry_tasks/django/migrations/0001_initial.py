# Regenerated until the first release.

import datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='TaskSchedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='Without spaces.', max_length=200, unique=True)),
                ('task', models.CharField(max_length=200)),
                ('arguments', models.JSONField(blank=True, default=dict, help_text='The task\'s arguments as JSON, by name: {"provider": "AMAZON"}')),
                ('cron', models.CharField(blank=True, default='', help_text='Minute, hour, day of month, month, day of week: 0 3 * * mon-fri', max_length=200)),
                ('every', models.DurationField(blank=True, help_text='Instead of a cron line, at least a second: 00:05:00', null=True, verbose_name='interval')),
                ('timezone', models.CharField(default='UTC', help_text='Where the clock of the cron line hangs.', max_length=100)),
                ('misfire', models.CharField(choices=[('once', 'the last one is made up for'), ('all', 'each is made up for'), ('skip', 'are left out')], default='once', max_length=10, verbose_name='missed fires')),
                ('overlap', models.CharField(choices=[('allow', 'another one starts'), ('skip', 'none starts'), ('queue', 'the next one waits')], default='allow', max_length=10, verbose_name='while the last run goes on')),
                ('jitter', models.DurationField(default=datetime.timedelta(0), help_text='How long a run waits at the most after its fire.')),
                ('enabled', models.BooleanField(default=True, help_text='What it misses while it is off is not made up for.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('effective_at', models.DateTimeField(editable=False)),
            ],
            options={
                'verbose_name': 'task schedule',
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='TaskExecution',
            fields=[
                ('id', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('queue', models.CharField(max_length=200)),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('RUNNING', 'Running'), ('RETRYING', 'Retrying'), ('COMPLETED', 'Completed'), ('FAILED', 'Failed'), ('CANCELED', 'Canceled')], max_length=10)),
                ('version', models.PositiveBigIntegerField(default=0)),
                ('attempt', models.PositiveIntegerField(default=0)),
                ('max_retries', models.PositiveIntegerField(default=0)),
                ('given_back', models.PositiveIntegerField(default=0)),
                ('owner', models.CharField(blank=True, max_length=255, null=True)),
                ('claims', models.JSONField(blank=True, default=dict)),
                ('arguments', models.JSONField(blank=True, default=dict)),
                ('key', models.CharField(blank=True, max_length=200, null=True)),
                ('tags', models.JSONField(blank=True, default=list)),
                ('priority', models.SmallIntegerField(default=0)),
                ('retry_of', models.CharField(blank=True, max_length=64, null=True)),
                ('cancel_requested', models.BooleanField(default=False)),
                ('progress', models.FloatField(default=0)),
                ('progress_current', models.FloatField(blank=True, null=True)),
                ('progress_total', models.FloatField(blank=True, null=True)),
                ('progress_message', models.TextField(blank=True, null=True)),
                ('result', models.JSONField(blank=True, null=True)),
                ('failure_code', models.CharField(blank=True, max_length=200, null=True)),
                ('failure_message', models.TextField(blank=True, default='')),
                ('failure_exception', models.CharField(blank=True, max_length=200, null=True)),
                ('failure_traceback', models.TextField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('scheduled_for', models.DateTimeField(blank=True, null=True)),
                ('start_by', models.DateTimeField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('completed_at', models.DateTimeField(blank=True, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('outbox', models.JSONField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'task run',
                'verbose_name_plural': 'task runs',
                'ordering': ('-created_at', '-id'),
                'permissions': [('control_taskexecution', 'Can cancel and retry task runs')],
                'indexes': [models.Index(fields=['-created_at', '-id'], name='task_run_newest'), models.Index(fields=['owner', '-created_at', '-id'], name='task_run_owner'), models.Index(fields=['status', 'changed_at'], name='task_run_status'), models.Index(fields=['completed_at'], name='task_run_completed'), models.Index(condition=models.Q(('outbox__isnull', False)), fields=['changed_at'], name='task_run_outbox')],
            },
        ),
    ]
