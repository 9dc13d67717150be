"""The waiting room: who may enter, and when. It knows nothing about tickets.

`queue` holds what visitors do (join, ask for their place, claim, leave) and `control` what staff do to a
room. `queue_numbers` assigns numbers and runs the draw, `wait_estimate` publishes the pace, `ended_places`
records how places ended, `members` and `room_invites` decide who may join a room for members, `autopilot`
adjusts rates to what shops report, and `find_visitor` and `room_lists` serve staff.

This package must not handle stock, holds or payments, nor import `reservations`. Admission rules belong in
the script that admits (`app/store/lua/admit.lua` and its includes), their arithmetic in
`core/waiting_room/rules.py`.
"""
