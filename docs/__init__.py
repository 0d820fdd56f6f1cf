"""The documentation, and the program that writes those parts of it that are made from the code."""
