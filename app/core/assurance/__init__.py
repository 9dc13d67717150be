"""The public log of a room: its leaves, trees and signatures, and the audits of a log. No I/O."""
