"""Keeps the catalogues of usi/ui/locale in step with the texts of the program: `python -m translations`.

A tool for those who change texts; it needs babel (in the test extra). Running USI needs only the compiled catalogues.
"""
