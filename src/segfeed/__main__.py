"""`python -m segfeed`: the command line, if its script is not on the PATH. Python asks for a module of its own."""

from segfeed_start import main

if __name__ == "__main__":
    main()
