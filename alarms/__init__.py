"""The centre: what a plant, a reading and an alarm are, and the rules that join them."""
