<?php
/**
 * Plugin Name: Fairgate waiting room
 * Description: Puts Fairgate's waiting room in front of the site. With WooCommerce an order ends the visitor's turn.
 * Version: 0.2.0
 * Requires PHP: 8.1
 * License: Apache-2.0
 *
 * Put `gate.php` (clients/php/fairgate-gate.php) beside this file, and into wp-config.php:
 *
 *   define('FAIRGATE_URL', 'https://tickets.example');
 *   define('FAIRGATE_ROOM', 'shop');
 *   define('FAIRGATE_API_KEY', '...');  // of the role operator: so that an order ends the turn
 */

declare(strict_types=1);

defined('ABSPATH') || exit;

require_once __DIR__ . '/gate.php';

/** Whether the queue is for this request: not for staff, cron, the command line and payment providers that call back. */
function fairgate_is_for_this_request(): bool
{
    if (!defined('FAIRGATE_URL') || !defined('FAIRGATE_ROOM') || PHP_SAPI === 'cli' || wp_doing_cron()) {
        return false;
    }
    if (isset($_GET['wc-api']) || is_admin() || str_contains((string) $_SERVER['REQUEST_URI'], '/wp-login.php')) {
        return false;
    }
    return !current_user_can('manage_options');
}

add_action('init', function (): void {
    if (!fairgate_is_for_this_request()) {
        return;
    }
    nocache_headers(); // a page cache would hand one visitor's pass to others
    $gate = new Fairgate\Gate(
        FAIRGATE_URL,
        FAIRGATE_ROOM,
        failOpen: defined('FAIRGATE_FAIL_OPEN') && FAIRGATE_FAIL_OPEN,
        apiKey: defined('FAIRGATE_API_KEY') ? FAIRGATE_API_KEY : '',
        scheme: is_ssl() ? 'https' : 'http',
    );
    $gate->guard();
    add_action('template_redirect', function () use ($gate): void {
        if (function_exists('is_order_received_page') && is_order_received_page()) {
            $gate->end();
        }
    });
}, 1);
