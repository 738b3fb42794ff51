"""A call as a file, while it runs and after."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response

from speakerline.services.gateway.access import SECURED, CallId, Here, Watching, call_of
from speakerline.services.gateway.routes.answers import PROBLEMS, UNKNOWN
from speakerline.services.gateway.routes.archive import ArchiveId
from speakerline.services.gateway.routes.calls import snapshot_of
from speakerline.services.gateway.showing import rename
from speakerline.shared.file_names import file_name_of
from speakerline.shared.timeline.formats import FORMATS
from speakerline.shared.timeline.timeline import Timeline

router = APIRouter(tags=["calls"], dependencies=SECURED, responses=PROBLEMS)

File = Literal["txt", "srt", "vtt", "ctm", "stm", "rttm", "seglst", "json"]
TYPES = {
    "txt": "text/plain",
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "ctm": "text/plain",
    "stm": "text/plain",
    "rttm": "text/plain",
    "seglst": "application/json",
    "json": "application/json",
}
_FORMAT_OF = {"txt": "text"}


@router.get(
    "/calls/{call_id}/export/{file}",
    summary="A call as a file",
    responses={
        200: {"description": "The file.", "content": {kind: {} for kind in sorted(set(TYPES.values()))}},
        **UNKNOWN,
    },
    response_class=Response,
)
async def export_call(
    gateway: Here,
    principal: Watching,
    call_id: CallId,
    file: Annotated[File, Path(description="The kind of file.")],
    archived: ArchiveId = "",
) -> Response:
    """The call as it stands: `txt` for people, `srt` and `vtt` subtitles, `ctm`, `stm`, `rttm` and `seglst` for scoring
    tools, `json` with all that is known."""
    snapshot = rename(await snapshot_of(gateway, call_of(principal, call_id), archived))
    form = FORMATS[_FORMAT_OF.get(file, file)]
    text = await asyncio.to_thread(lambda: form.write(Timeline.from_snapshot(snapshot)))
    return Response(
        text,
        media_type=f"{TYPES[file]}; charset=utf-8",
        headers={
            "Content-Disposition": f'inline; filename="{file_name_of(snapshot.call_id)}.{form.suffix}"',
            "Cache-Control": "no-store",
        },
    )
