"""What tests stand on: a real stack, tokens, and the campaign as a scenario."""
