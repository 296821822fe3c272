"""What a node says reaches the one who asked for the run, and nobody else."""

import json

import websocket

from tools.comfy_server import ComfyServer, Workflow


def test_another_client_hears_nothing_of_it(comfy: ComfyServer, workflow: Workflow):
    address = f"ws://127.0.0.1:{comfy.port}/ws?clientId=somebody-else"
    bystander = websocket.create_connection(address, timeout=5)
    # Not another test's: of results that it has kept, ComfyUI 0.18 does not send the texts again.
    workflow["find_mask"]["inputs"]["seed"] = workflow["invert"]["inputs"]["steps"] = 5
    outputs = comfy.run(workflow)
    (text,) = outputs["invert"]["diffedit_text"]
    assert "model evaluations" in text
    assert outputs["find_mask"]["diffedit_text"][0].startswith("2 draws")

    heard = []
    try:
        while not heard or '"exec_info": {"queue_remaining": 0}' not in heard[-1]:
            heard.append(bystander.recv())
    finally:
        bystander.close()
    assert all(isinstance(message, str) for message in heard), "a picture or a text in binary"
    assert {json.loads(message)["type"] for message in heard} == {"status"}
