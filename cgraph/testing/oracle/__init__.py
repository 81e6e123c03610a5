"""The oracle: values and derivatives by ways that share nothing with the backward pass."""
