//! What brokers and queues survive.

servers::faults!(&servers::RABBITMQ, guildhall_rabbitmq::RabbitMq, |n| format!("prefix=f{n}&ack_wait_ms=2000&deadline_ms=3000"),
    broker queue password names);
