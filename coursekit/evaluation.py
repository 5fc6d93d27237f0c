"""How good is a generative model? Measures that need only samples, densities or energies."""
