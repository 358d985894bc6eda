"""Pictures of the screen, drawn by the program itself: `python -m screenshots` writes them beside this file."""
