"""The second stage: a task is learned from English labels."""
