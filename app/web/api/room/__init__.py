"""The calls of a room and its queue: joining and following it, and what staff configure and read.

`rooms` has the calls of visitors, `room_admin` those of staff; what a newcomer has to do first (`captcha`,
`proof_of_work`, `identity`, `member_login`) has a module for each. The calls of the gate in front of a shop
are in `web/gate`. Never here: tickets, or a decision about who is admitted (`app/waiting_room`).
"""
