"""`fairgate doctor`: what a support person would ask, answered; what is wrong, and what to do about it."""
