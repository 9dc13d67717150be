<?php
/**
 * Fairgate's waiting room in front of a PHP site. One file, PHP 8.1 or newer with sodium, which comes with PHP:
 *
 *   require 'fairgate-gate.php';
 *   (new Fairgate\Gate('https://tickets.example', 'shop'))->guard();
 *
 * as the first thing of every request (`auto_prepend_file` does that for a whole site). With APCu one look at the gate
 * serves for `recheckSeconds`; without it the gate is asked about each request but those in the first seconds of a pass.
 */

declare(strict_types=1);

namespace Fairgate;

final class Gate
{
    private const KEYS_FRESH_S = 300;
    private const COOKIE_MAX = 4096;
    private const HANDED_ON = ['location', 'set-cookie', 'content-type', 'cache-control', 'retry-after', 'x-fairgate-queue'];
    // What only the proxy or we may say, and what is of one connection.
    private const NOT_ASKED = [
        'host', 'connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', 'content-length',
        'content-type', 'content-encoding', 'accept-encoding', 'proxy-authorization', 'x-original-url', 'x-original-method',
        'x-original-fetch-mode', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-uri',
        'x-forwarded-method', 'x-forwarded-port', 'forwarded',
    ];

    private string $url;
    private string $cookie;
    /** @var array{token: string, sid: string, iat: int, exp: int, bound: bool}|null */
    private ?array $shown = null;

    /**
     * @param string $client the visitor's address; behind a proxy say which header of yours has it
     * @param string $scheme `https` where TLS ends before PHP
     * @param string $apiKey of the role operator: then a page's `X-Fairgate-End: 1` ends the session
     */
    public function __construct(
        string $url,
        private string $room,
        private bool $failOpen = false,
        private float $recheckSeconds = 10.0,
        private float $timeoutSeconds = 5.0,
        private string $apiKey = '',
        private string $client = '',
        private string $scheme = '',
    ) {
        $this->url = rtrim($url, '/');
        $this->cookie = "fairgate_pass_{$room}";
        $this->client = $client !== '' ? $client : (string) ($_SERVER['REMOTE_ADDR'] ?? '');
        $on = ($_SERVER['HTTPS'] ?? '') !== '' && $_SERVER['HTTPS'] !== 'off';
        $this->scheme = $scheme !== '' ? $scheme : ($on ? 'https' : 'http');
    }

    /** Lets the request go on, or answers it and ends. */
    public function guard(): void
    {
        if (PHP_SAPI === 'cli') {
            return;
        }
        [$status, $headers, $body] = $this->judge();
        foreach ($headers as [$name, $value]) {
            header("$name: $value", strtolower($name) !== 'set-cookie');
        }
        if ($status === 0) {
            header_register_callback(fn () => $this->endIfAsked());
            return;
        }
        http_response_code($status);
        if (($_SERVER['REQUEST_METHOD'] ?? '') !== 'HEAD') {
            echo $body;
        }
        exit;
    }

    /** Ends the visitor's session; their pass is good no longer. */
    public function end(): void
    {
        header("Set-Cookie: {$this->cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", false);
        if ($this->shown === null) {
            return;
        }
        $this->remember($this->shown, false);
        if ($this->apiKey === '') {
            error_log("A page ends a session, but Fairgate's gate has no API key");
            return;
        }
        $sid = rawurlencode($this->shown['sid']);
        $room = rawurlencode($this->room);
        [$status] = $this->ask("{$this->url}/v1/rooms/$room/sessions/$sid/end", ["Authorization: Bearer {$this->apiKey}"], 'POST');
        if ($status !== 204 && $status !== 404) {
            error_log("Fairgate did not end a session: $status");
        }
    }

    /** @return array{int, list<array{string, string}>, string} status 0: it passes, with these headers */
    private function judge(): array
    {
        $this->shown = $this->read((string) ($_COOKIE[$this->cookie] ?? ''));
        $bare = !str_contains((string) $_SERVER['REQUEST_URI'], 'fairgate_ticket=');
        if ($this->shown !== null && $bare && $this->isFresh($this->shown)) {
            return [0, [], ''];
        }
        [$status, $told, $body] = $this->ask("{$this->url}/v1/rooms/" . rawurlencode($this->room) . '/gate', $this->question());
        if ($status === 204) {
            $cookies = array_values(array_filter($told, fn ($it) => $it[0] === 'set-cookie'));
            if ($cookies === [] && $this->shown !== null) {
                $this->remember($this->shown, true);
            }
            foreach ($cookies as [, $value]) {
                if (str_starts_with($value, "{$this->cookie}=")) {
                    $this->shown = $this->read(strtok(substr($value, strlen($this->cookie) + 1), ';') ?: '') ?? $this->shown;
                }
            }
            return [0, $cookies, ''];
        }
        if ($status >= 300 && $status < 500 && $status !== 404) { // a room that is not there is a gate that is away
            if ($this->shown !== null) {
                $this->remember($this->shown, false);
            }
            return [$status, array_values(array_filter($told, fn ($it) => in_array($it[0], self::HANDED_ON, true))), $body];
        }
        if ($this->failOpen || ($this->shown !== null && (!$this->shown['bound'] || $this->checkedAt($this->shown) !== null))) {
            return [0, [], ''];
        }
        $away = "The shop cannot let anybody in at the moment. Try again in a few seconds.\n";
        return [503, [['Content-Type', 'text/plain; charset=utf-8'], ['Retry-After', '5'], ['Cache-Control', 'no-store']], $away];
    }

    private function endIfAsked(): void
    {
        foreach (headers_list() as $line) {
            if (stripos($line, 'X-Fairgate-End:') === 0) {
                header_remove('X-Fairgate-End');
                $this->end();
                return;
            }
        }
    }

    /** @return list<string> */
    private function question(): array
    {
        $lines = [];
        foreach ($_SERVER as $key => $value) {
            $name = strtolower(str_replace('_', '-', substr((string) $key, 5)));
            if (!str_starts_with((string) $key, 'HTTP_') || in_array($name, self::NOT_ASKED, true)) {
                continue;
            }
            if (preg_match('/^[a-z0-9-]{1,100}$/', $name) && is_string($value)) {
                $lines[] = "$name: $value";
            }
        }
        $host = (string) ($_SERVER['HTTP_HOST'] ?? 'localhost');
        $lines[] = "X-Original-URL: {$this->scheme}://$host{$_SERVER['REQUEST_URI']}";
        $lines[] = 'X-Original-Method: ' . ($_SERVER['REQUEST_METHOD'] ?? 'GET');
        $lines[] = 'X-Forwarded-For: ' . ($this->client !== '' ? $this->client : '127.0.0.1');
        $lines[] = "X-Forwarded-Proto: {$this->scheme}";
        // What could not be sent is left out: it is no reason to let anybody pass.
        return array_values(array_filter($lines, fn ($it) => !preg_match('/[\x00-\x08\x0a-\x1f\x7f]/', $it)));
    }

    /**
     * @param list<string> $lines
     * @return array{int, list<array{string, string}>, string} status 0: no answer
     */
    private function ask(string $url, array $lines, string $method = 'GET'): array
    {
        $context = stream_context_create(['http' => [
            'method' => $method,
            'header' => [...$lines, 'Connection: close', ...($method === 'POST' ? ['Content-Length: 0'] : [])],
            'follow_location' => 0,
            'ignore_errors' => true,
            'timeout' => $this->timeoutSeconds,
            'protocol_version' => 1.1,
        ]]);
        $http_response_header = [];
        $body = @file_get_contents($url, false, $context);
        $lines = function_exists('http_get_last_response_headers') ? http_get_last_response_headers() : $http_response_header;
        if (!preg_match('#^HTTP/[0-9.]+ ([0-9]{3})#', $lines[0] ?? '', $found)) {
            error_log("Fairgate does not answer at $url");
            return [0, [], ''];
        }
        $told = [];
        foreach (array_slice($lines, 1) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $told[] = [strtolower($name), trim($value)];
        }
        return [(int) $found[1], $told, $body === false ? '' : $body];
    }

    /** @return array{token: string, sid: string, iat: int, exp: int, bound: bool}|null */
    private function read(string $token): ?array
    {
        if (strlen($token) > self::COOKIE_MAX || !preg_match('/^[\w-]+\.[\w-]+\.[\w-]+$/D', $token)) {
            return null;
        }
        [$head, $payload, $signature] = explode('.', $token);
        $header = json_decode($this->bytes($head), true);
        if (!is_array($header) || ($header['typ'] ?? '') !== 'pass+jwt') {
            return null;
        }
        $key = $this->key((string) ($header['kid'] ?? ''));
        if ($key === null || ($key['alg'] ?? '') !== ($header['alg'] ?? null)) {
            return null;
        }
        if (!$this->isSigned("$head.$payload", $this->bytes($signature), $key)) {
            return null;
        }
        $claims = json_decode($this->bytes($payload), true);
        if (!is_array($claims) || ($claims['aud'] ?? '') !== $this->room || !is_string($claims['sid'] ?? null)) {
            return null;
        }
        if (!is_int($claims['exp'] ?? null) || !is_int($claims['iat'] ?? null) || $claims['exp'] <= time()) {
            return null;
        }
        return [
            'token' => $token, 'sid' => $claims['sid'], 'iat' => $claims['iat'], 'exp' => $claims['exp'],
            'bound' => isset($claims['net']),
        ];
    }

    private function isFresh(array $it): bool
    {
        $within = min($this->recheckSeconds, ($it['exp'] - $it['iat']) / 4);
        $at = $this->checkedAt($it);
        if ($at !== null && microtime(true) - $at < $within) {
            return true;
        }
        $age = microtime(true) - $it['iat'];
        return !$it['bound'] && $age >= 0 && $age < $within;
    }

    private function checkedAt(array $it): ?float
    {
        $at = function_exists('apcu_fetch') ? apcu_fetch($this->nameOf($it)) : false;
        return $at === false ? null : $at;
    }

    private function remember(array $it, bool $agreed): void
    {
        if (function_exists('apcu_store')) {
            $agreed ? apcu_store($this->nameOf($it), microtime(true), 3600) : apcu_delete($this->nameOf($it));
        }
    }

    private function nameOf(array $it): string
    {
        return 'fairgate:' . hash('sha256', ($it['bound'] ? $this->client : '') . ' ' . $it['token']);
    }

    /** Whether the key, in the one algorithm it is published for, made this signature. */
    private function isSigned(string $text, string $signature, array $key): bool
    {
        if ($key['alg'] === 'EdDSA') {
            $public = $this->bytes($key['x'] ?? '');
            return strlen($public) === SODIUM_CRYPTO_SIGN_PUBLICKEYBYTES && strlen($signature) === SODIUM_CRYPTO_SIGN_BYTES
                && sodium_crypto_sign_verify_detached($signature, $text, $public);
        }
        if (!function_exists('openssl_verify')) {
            return false; // so the gate is asked each time
        }
        if ($key['alg'] === 'ES256') {
            [$x, $y] = [$this->bytes($key['x'] ?? ''), $this->bytes($key['y'] ?? '')];
            if (strlen($x) !== 32 || strlen($y) !== 32 || strlen($signature) !== 64) {
                return false;
            }
            $der = hex2bin('3059301306072a8648ce3d020106082a8648ce3d030107034200') . "\x04$x$y"; // P-256, uncompressed
            $signature = $this->der("\x30", $this->number(substr($signature, 0, 32)) . $this->number(substr($signature, 32)));
        } else {
            $numbers = $this->number($this->bytes($key['n'] ?? '')) . $this->number($this->bytes($key['e'] ?? ''));
            $rsa = hex2bin('300d06092a864886f70d0101010500');
            $der = $this->der("\x30", $rsa . $this->der("\x03", "\0" . $this->der("\x30", $numbers)));
        }
        $pem = "-----BEGIN PUBLIC KEY-----\n" . chunk_split(base64_encode($der), 64, "\n") . "-----END PUBLIC KEY-----\n";
        return @openssl_verify($text, $signature, $pem, OPENSSL_ALGO_SHA256) === 1;
    }

    private function number(string $bytes): string
    {
        $bytes = ltrim($bytes, "\0");
        return $this->der("\x02", $bytes === '' || ord($bytes[0]) > 127 ? "\0$bytes" : $bytes);
    }

    private function der(string $tag, string $body): string
    {
        $length = strlen($body);
        $bytes = $length < 128 ? '' : ltrim(pack('N', $length), "\0");
        return $tag . chr($length < 128 ? $length : 128 + strlen($bytes)) . $bytes . $body;
    }

    /** The key of this name: from a file that is read again each five minutes, or for a name it does not have. */
    private function key(string $kid): ?array
    {
        $file = sys_get_temp_dir() . '/fairgate-keys-' . substr(hash('sha256', "2 $this->url" . __FILE__), 0, 16) . '.json';
        $ours = @fileowner($file) === (function_exists('posix_geteuid') ? posix_geteuid() : getmyuid());
        $text = $ours ? @file_get_contents($file) : false; // who else may write there would make keys
        $age = $text === false ? PHP_INT_MAX : time() - (int) filemtime($file);
        $keys = $text === false ? [] : (json_decode($text, true) ?? []);
        // Forged names cost at most one look at the keys in ten seconds.
        if ($age > self::KEYS_FRESH_S || (!isset($keys[$kid]) && $age > 10)) {
            [$status, , $body] = $this->ask("{$this->url}/.well-known/jwks.json", []);
            $found = [];
            foreach ($status === 200 ? (json_decode($body, true)['keys'] ?? []) : [] as $it) {
                if (in_array($it['alg'] ?? '', ['EdDSA', 'ES256', 'RS256'], true) && is_string($it['kid'] ?? null)) {
                    $found[$it['kid']] = array_filter($it, 'is_string');
                }
            }
            $keys = $found ?: $keys;
            $own = @tempnam(sys_get_temp_dir(), 'fairgate-keys');
            if ($own !== false && @file_put_contents($own, json_encode($keys)) !== false) {
                @rename($own, $file);
            }
        }
        return is_array($keys[$kid] ?? null) ? $keys[$kid] : null;
    }

    private function bytes(string $text): string
    {
        return (string) base64_decode(strtr($text, '-_', '+/'), false);
    }
}
