"""Coverage-guided fuzzing of everything that decodes what comes from outside: `python -m fuzzing`."""
