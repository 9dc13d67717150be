<?php
// Fairgate's gate in front of a PHP site. Put it beside fairgate-gate.php, and name it in auto_prepend_file in php.ini.
// Specific to the site: Fairgate's address and the room's name.
require __DIR__ . '/fairgate-gate.php';
(new Fairgate\Gate('https://tickets.example', 'opening-night'))->guard();
