"""Other libraries at the same job, one module each; each runs in a virtual environment of its own.

A module names its TITLE, its REQUIREMENTS (a list of arguments for each call of `pip install`) and, where something
besides pip is needed, NEEDS. Frameworks are imported inside functions: the list of peers is read without them.
"""
