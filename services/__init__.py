"""The stages of the pipeline and the command line, one package each."""
