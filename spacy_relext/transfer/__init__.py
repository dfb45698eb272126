"""What a relation extractor takes over from elsewhere."""
