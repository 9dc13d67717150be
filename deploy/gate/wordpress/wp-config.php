<?php
// Fairgate's gate in front of WordPress: put these lines into wp-config.php, above "That's all, stop editing!".
// Specific to the site: Fairgate's address and the room's name.
define('FAIRGATE_URL', 'https://tickets.example');
define('FAIRGATE_ROOM', 'opening-night');
