"""Why did it not run at that time, and when will it run next? Plain sentences from the rows of a job."""

from scheduling.explain.answers import Answer, Teller, Tone, teller
from scheduling.explain.asked import FORMS, asked
from scheduling.explain.outlook import outlook
from scheduling.explain.past import explain
from scheduling.explain.runs import brief, explain_run

__all__ = ["FORMS", "Answer", "Teller", "Tone", "asked", "brief", "explain", "explain_run", "outlook", "teller"]
