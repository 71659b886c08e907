"""Running the parts of a process side by side."""

import asyncio
from collections.abc import Awaitable


async def until_first_ends(*works: Awaitable[None]) -> None:
    """Run all until one ends, then end the others; an error of that one is raised."""
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
