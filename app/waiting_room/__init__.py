"""The first half: who may enter, and when. Knows nothing of tickets.

`queue` is what visitors do (join, ask for their place, claim, leave), `control` what staff do to a room,
`queue_numbers` gives numbers and draws lots, `wait_estimate` publishes how long it takes, `ended_places`
keeps how places ended, `members` and `room_invites` say who joins a room for members, `autopilot` moves rates
by what shops report, `find_visitor` and `room_lists` are for staff.

Never here: stock, holds, payments; an import of `reservations`. An admission rule belongs into the script
that admits (`app/store/lua/admit.lua` and its includes), its arithmetic into `core/rules.py`.
"""
