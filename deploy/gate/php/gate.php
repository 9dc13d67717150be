<?php
// Fairgate's gate in front of a PHP site: beside fairgate-gate.php, and named by auto_prepend_file in php.ini.
// Specific to the site: Fairgate's address and the room's name.
require __DIR__ . '/fairgate-gate.php';
(new Fairgate\Gate('https://tickets.example', 'opening-night'))->guard();
