"""Writes down what is said, word by word, while the call runs."""
