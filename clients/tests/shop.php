<?php
// A shop behind the gate for PHP: `php -S 127.0.0.1:PORT tests/shop.php`, with its settings in the environment.
declare(strict_types=1);

require __DIR__ . '/../php/fairgate-gate.php';

(new Fairgate\Gate(
    (string) getenv('FAIRGATE_URL'),
    (string) getenv('FAIRGATE_ROOM'),
    failOpen: getenv('FAIL_OPEN') === '1',
    recheckSeconds: (float) getenv('RECHECK_S'),
    timeoutSeconds: 10.0,
    apiKey: (string) getenv('FAIRGATE_API_KEY'),
))->guard();

header('Content-Type: text/plain');
header('Set-Cookie: basket=1; Path=/', false);
if (str_starts_with($_SERVER['REQUEST_URI'], '/thanks')) {
    header('X-Fairgate-End: 1');
}
echo "Shop {$_SERVER['REQUEST_METHOD']} {$_SERVER['REQUEST_URI']}";
