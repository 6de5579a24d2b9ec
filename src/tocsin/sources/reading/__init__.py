"""What the formats share; a format imports this, never another format."""
