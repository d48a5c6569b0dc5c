"""Transport, pictures and sound: what is shown and heard when. No Qt."""
