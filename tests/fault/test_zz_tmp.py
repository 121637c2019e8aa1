import asyncio, time, os
from fault.test_backup import *
from fault.test_backup import put_ballast, waits, share, run
import pytest
for n in list(globals()):
    if n.startswith("test_"): del globals()[n]

@pytest.mark.timeout(300)
async def test_calm(start, gather, figures, tmp_path):
    server = await start()
    people = await gather(server)
    put_ballast(server.database, 100)
    out=[]
    async with people.chatting(rate=3):
        await people.wait(lambda: people.total("saved") > 50)
        for n in range(3):
            a=time.monotonic(); await asyncio.sleep(8); b=time.monotonic()
            s,_=await run("backup", tmp_path / f"{n}.db", "--database", server.database); assert s==0
            c=time.monotonic()
            await run("--help"); d=time.monotonic()
            out.append((a,b,c,d))
    await people.verdict()
    for a,b,c,d in out:
        for name,x,y in (("calm",a,b),("backup",b,c),("start of python only",c,d)):
            w=waits(people,x,y); print(name, f"{y-x:.1f}s", len(w), *[f"{share(w,p):.1f}" for p in (.5,.9,.99,1)] if w else "")
