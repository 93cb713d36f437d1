"""Types of tasks."""
