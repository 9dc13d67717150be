"""`fairgate doctor`: checks what a support engineer would ask about, and says how to fix it."""
