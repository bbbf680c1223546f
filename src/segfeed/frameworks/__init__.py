"""Frameworks: the same batches in PyTorch, TensorFlow and JAX."""
