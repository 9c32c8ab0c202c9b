"""Read what people say about an animal: players who guess, and hosts who answer."""
