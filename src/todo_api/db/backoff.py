"""The pause between two tries to reach a database."""

import asyncio


async def pause(tries: int, deadline: float, *, first: float, longest: float) -> bool:
    """Sleeps after try number `tries`: `first` seconds, then twice as long each time, at most `longest` seconds.

    Returns False, without sleeping, if the pause would end after `deadline`, in the loop's time.
    """
    seconds = min(first * 2 ** (tries - 1), longest)
    if asyncio.get_running_loop().time() + seconds > deadline:
        return False
    await asyncio.sleep(seconds)
    return True
