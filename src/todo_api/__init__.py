"""A secure multi-user to-do REST API for applications that sign people in with Better Auth."""

__version__ = "0.1.0"
