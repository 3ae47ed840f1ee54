"""What does it mean? Pure: evidence, trust and a moment in; one verdict out."""
