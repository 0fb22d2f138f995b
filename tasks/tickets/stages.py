"""The names of the stages, in their order."""

STAGES = ("sync", "analyze", "cluster", "trends")
COLLECT = "collect"  # a part of analyze, which the hourly job does before its own stages
LEFT_OUT_AFTER = {"trends": "cluster"}  # a stage -> the one after whose failure it makes no sense
DAILY = "daily_sync"  # the job that all runs of the pipeline are of, so that one goes at a time
HOURLY = "hourly_trends"
