"""What is wrong with this installation, and the cure: one small examination after the other."""

from scheduling.doctor.diagnosis import diagnose
from scheduling.doctor.findings import Finding, Severity

__all__ = ["Finding", "Severity", "diagnose"]
